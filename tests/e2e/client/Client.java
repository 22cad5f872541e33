// SPDX-License-Identifier: Apache-2.0
// A token, a read with it, a read without: what the AWS SDKs for Java do, by HttpURLConnection.
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

public class Client {
    static String ask(String method, String url, String header, String value) throws Exception {
        HttpURLConnection c = (HttpURLConnection) new URL(url).openConnection();
        c.setRequestMethod(method);
        if (header != null)
            c.setRequestProperty(header, value);
        try (InputStream in = c.getInputStream()) {
            return new String(in.readAllBytes());
        }
    }

    public static void main(String[] args) throws Exception {
        String token = ask("PUT", args[0] + "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60");
        System.out.println(ask("GET", args[0] + "/latest/meta-data/mac", "X-aws-ec2-metadata-token", token));
        System.out.println(ask("GET", args[0] + "/latest/meta-data/instance-id", null, null));
    }
}
