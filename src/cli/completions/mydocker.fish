# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for fish(1): mydocker itself knows what fits.

function __mydocker_complete
        set -l words (commandline -opc)[2..-1] (commandline -ct)
        for line in (mydocker complete -- $words 2> /dev/null)
                if test "$line" = :files
                        __fish_complete_path (commandline -ct)
                else
                        echo $line
                end
        end
end

complete -c mydocker -f -a '(__mydocker_complete)'
