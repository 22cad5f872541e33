/* SPDX-License-Identifier: Apache-2.0 */
#include "base/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/span.h"

int host_read_line(const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

void host_boot_id(char *text, size_t size)
{
	host_read_line("/proc/sys/kernel/random/boot_id", text, size);
}

void host_machine_id(char *text, size_t size)
{
	host_read_line("/etc/machine-id", text, size);
}

/* What clouds write into DMI: cloud-init's tools/ds-identify and systemd's src/basic/virt.c name the same strings. */
static const struct {
	const char *file, *value, *provider;
} vendors[] = {
	{"/sys/class/dmi/id/sys_vendor", "Amazon EC2", "aws"},
	{"/sys/class/dmi/id/bios_vendor", "Amazon EC2", "aws"},
	{"/sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"},
	{"/sys/class/dmi/id/product_name", "Google Compute Engine", "gcp"},
	{"/sys/class/dmi/id/chassis_asset_tag", "OracleCloud.com", "oracle"},
	{"/sys/class/dmi/id/product_name", "Alibaba Cloud ECS", "alibaba"},
	{"/sys/class/dmi/id/sys_vendor", "Hetzner", "hetzner"},
	{"/sys/class/dmi/id/sys_vendor", "DigitalOcean", "digitalocean"},
	{"/sys/class/dmi/id/product_name", "OpenStack Nova", "openstack"},
	{"/sys/class/dmi/id/product_name", "OpenStack Compute", "openstack"},
};

const char *host_provider(void)
{
	char text[128];

	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
		if (host_read_line(vendors[i].file, text, sizeof(text)) == 0 && strcmp(text, vendors[i].value) == 0)
			return vendors[i].provider;
	return NULL;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int64_t host_realtime_offset(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME));
}

uint64_t host_boottime(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t host_resident(void)
{
	uint64_t size, resident;
	char text[64];
	struct span rest;

	if (host_read_line("/proc/self/statm", text, sizeof(text)) < 0)
		return 0;
	rest = span_of(text);
	if (!span_take_decimal(&rest, &size) || rest.length == 0)
		return 0;
	rest = (struct span){rest.data + 1, rest.length - 1};
	return span_take_decimal(&rest, &resident) ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}
