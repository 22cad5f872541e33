# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# What the documents name exists, and what exists is documented.

"$program" --help >"$work/help.txt"
for command in $(commands); do "$program" "$command" --help >"$work/help-$command.txt"; done

check docs/links python3 tests/cli/documents.py links
check docs/files python3 tests/cli/documents.py files
check docs/tasks python3 tests/cli/documents.py tasks
check docs/options python3 tests/cli/documents.py options "$work"
check docs/fields python3 tests/cli/documents.py fields
check docs/examples python3 tests/cli/documents.py examples
