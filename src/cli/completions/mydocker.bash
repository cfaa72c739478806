# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for bash(1): mydocker itself knows what fits.

_mydocker() {
        local line part broken= words=()

        # bash takes "name:tag" and "key=value" for three words, and what it completes is the last of them.
        for part in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
                if [[ ${#words[@]} -gt 0 && ($part == [:=] || ${words[-1]} == *[:=]) ]]; then
                        words[-1]+=$part
                else
                        words+=("$part")
                fi
        done
        for part in : =; do
                if [[ $COMP_WORDBREAKS == *$part* && ${words[-1]#"$broken"} == *$part* ]]; then
                        broken=${words[-1]%"$part"*}$part
                fi
        done

        COMPREPLY=()
        while IFS= read -r line; do
                if [ "$line" = :files ]; then
                        compopt -o default
                else
                        line=${line%%$'\t'*}
                        COMPREPLY+=("${line#"$broken"}")
                fi
        done < <(mydocker complete -- "${words[@]}" 2> /dev/null)
}
complete -F _mydocker mydocker
