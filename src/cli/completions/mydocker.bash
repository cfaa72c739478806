# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for bash(1): mydocker itself knows what fits.

_mydocker() {
        local word="${COMP_WORDS[COMP_CWORD]}" line
        local words=("${COMP_WORDS[@]:1:COMP_CWORD}")

        # bash takes "name:tag" for three words; what it completes is the last one.
        if declare -F _get_comp_words_by_ref > /dev/null; then
                local cword
                _get_comp_words_by_ref -n : -w words -i cword -c word
                words=("${words[@]:1:cword}")
        fi

        COMPREPLY=()
        while IFS= read -r line; do
                if [ "$line" = :files ]; then
                        compopt -o default
                else
                        COMPREPLY+=("${line%%$'\t'*}")
                fi
        done < <(mydocker complete -- "${words[@]}" 2> /dev/null)

        if declare -F __ltrim_colon_completions > /dev/null; then
                __ltrim_colon_completions "$word"
        fi
}
complete -F _mydocker mydocker
