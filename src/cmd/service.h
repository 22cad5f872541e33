/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch service: what its actions have in common. Each returns the exit status, and says all it does. */
#pragma once

#include <stdbool.h>

#define SERVICE_LOGS  "/var/log/imdsnitch"
#define SERVICE_STATE "/var/lib/imdsnitch"

int service_install(void);
int service_uninstall(bool purge);
