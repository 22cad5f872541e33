/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/option.h"

extern const struct command command_watch, command_replay, command_doctor, command_demo, command_serve, command_status,
	command_service, command_guard;
