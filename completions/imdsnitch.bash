# SPDX-License-Identifier: Apache-2.0
# Completion for bash. Commands and options are asked of the program itself, so they are never out of date.

_imdsnitch() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words
	case $COMP_CWORD-$before in
	1-*) words="$(imdsnitch --help 2>/dev/null | sed -n 's/^  \([a-z]*\)  .*/\1/p') --help --version" ;;
	*---format) words='text json aws' ;;
	*---fail-on) words='v1 credentials any' ;;
	*---version) words='v1 v2 unknown' ;;
	*---class) words='token credentials identity user-data metadata other' ;;
	*---service) words='ec2 ecs eks-pod-identity azure-imds azure-wireserver gcp' ;;
	*---output | *---record | *---log | *---inventory)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	*)
		words=$(imdsnitch "$command" --help 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p')
		[[ $command == service && $word != -* ]] && words='install uninstall status'
		[[ $command == guard && $word != -* && $before == guard ]] && words='check explain test suggest apply status off'
		[[ $command == guard && $before =~ ^(apply|check|explain|test)$ ]] && mapfile -t COMPREPLY < <(compgen -f -- "$word") && return
		[[ $command == replay && $word != -* ]] && mapfile -t COMPREPLY < <(compgen -f -- "$word") && return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _imdsnitch imdsnitch
