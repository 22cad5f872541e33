// SPDX-License-Identifier: Apache-2.0
// A token, a read with it, a read without, on a kept-alive agent.
const http = require('http');
const base = process.argv[2];
const agent = new http.Agent({keepAlive: true});

function ask(method, path, headers) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + path, {method, headers, agent}, (response) => {
      let body = '';
      response.on('data', (piece) => { body += piece; });
      response.on('end', () => resolve(body));
    });
    request.on('error', reject);
    request.end();
  });
}

(async () => {
  const token = await ask('PUT', '/latest/api/token', {'X-aws-ec2-metadata-token-ttl-seconds': '60'});
  console.log(await ask('GET', '/latest/meta-data/mac', {'X-aws-ec2-metadata-token': token}));
  console.log(await ask('GET', '/latest/meta-data/instance-id', {}));
  agent.destroy();
})();
