# fish completion for kmoddctl(1). Names of modules are taken as they are and never expanded.

# Names of the managed modules; nothing, soon and without a word, where kmodd does not run.
function __kmoddctl_modules
    timeout 2 kmoddctl list 2>/dev/null | tail -n +2 | string match --regex '^[A-Za-z0-9_]+'
end

# Those and all that the running kernel has a file of.
function __kmoddctl_all_modules
    begin
        __kmoddctl_modules
        find /lib/modules/(uname -r)/ -name '*.ko*' -printf '%f\n' 2>/dev/null |
            string replace --regex '\.ko.*' '' | string replace --all -- - _ |
            string match --regex '^[A-Za-z0-9_]+$'
    end | sort -u
end

# Names of the parameters of the module on the line, each with its "=": as the kernel has them, and as its file says.
function __kmoddctl_parameters
    set --local words (commandline --tokenize --cut-at-cursor --current-process | string match --invert -- '-*')
    set --local module (string replace --all -- - _ $words[3] | string match --regex '^[A-Za-z0-9_]+$'); or return
    begin
        find /sys/module/$module/parameters/ -type f -printf '%f\n' 2>/dev/null
        modinfo -F parm $module 2>/dev/null
    end | string replace --regex ':.*' '' | string match --regex '^[A-Za-z0-9_]+$' | sort -u |
        string replace --regex '$' '='
end

# Whether the line has a module for `set`, and the name of a parameter comes now.
function __kmoddctl_parameter
    set --local words (commandline --tokenize --cut-at-cursor --current-process | string match --invert -- '-*')
    test (count $words) -ge 3; and test "$words[2]" = set
    and not string match --quiet -- '*=*' (commandline --current-token --cut-at-cursor)
end

# Whether this is the operand number $argv[1] of one of the commands after it.
function __kmoddctl_operand
    set --local words (commandline --tokenize --cut-at-cursor --current-process | string match --invert -- '-*')
    test (count $words) -eq (math $argv[1] + 1); and contains -- "$words[2]" $argv[2..]
end

# Files that can be checked, and directories.
function __kmoddctl_files
    __fish_complete_path (commandline --current-token --cut-at-cursor) |
        string match --regex '^[^\t]*(?:/|\.toml)(?=\t|$)'
end

# Kernels whose modules are installed.
function __kmoddctl_kernels
    for index in /lib/modules/*/modules.dep
        string split --fields 4 / $index
    end
end

complete --command kmoddctl --no-files
complete --command kmoddctl --long-option json --description 'one JSON document a line'
complete --command kmoddctl --short-option h --long-option help --description 'print a short help'
complete --command kmoddctl --condition __fish_use_subcommand --long-option version --description 'print the version'

complete --command kmoddctl --condition __fish_use_subcommand --arguments status \
    --description 'show how kmodd and its modules stand, or one module'
complete --command kmoddctl --condition __fish_use_subcommand --arguments list \
    --description 'list the managed modules'
complete --command kmoddctl --condition __fish_use_subcommand --arguments plan \
    --description 'show what a pass would do now; changes nothing'
complete --command kmoddctl --condition __fish_use_subcommand --arguments explain \
    --description 'show which file and line gave a value'
complete --command kmoddctl --condition __fish_use_subcommand --arguments check \
    --description 'check files, without a daemon'
complete --command kmoddctl --condition __fish_use_subcommand --arguments reload \
    --description 'have the files compiled again'
complete --command kmoddctl --condition __fish_use_subcommand --arguments reconcile \
    --description 'make one whole pass now'
complete --command kmoddctl --condition __fish_use_subcommand --arguments retry \
    --description 'try at once what failed or was put off'
complete --command kmoddctl --condition __fish_use_subcommand --arguments release \
    --description 'end the quarantine of a module'
complete --command kmoddctl --condition __fish_use_subcommand --arguments pause \
    --description 'stop enforcement; looking on goes on'
complete --command kmoddctl --condition __fish_use_subcommand --arguments resume \
    --description 'enforce again'
complete --command kmoddctl --condition __fish_use_subcommand --arguments load \
    --description 'want a module loaded'
complete --command kmoddctl --condition __fish_use_subcommand --arguments deny \
    --description 'want a module kept out, whoever asks for it'
complete --command kmoddctl --condition __fish_use_subcommand --arguments set \
    --description 'want parameters of a module'
complete --command kmoddctl --condition __fish_use_subcommand --arguments clear \
    --description 'take away what load, deny and set have set'
complete --command kmoddctl --condition __fish_use_subcommand --arguments apply \
    --description 'put the files in force, and show what happens'
complete --command kmoddctl --condition __fish_use_subcommand --arguments watch \
    --description 'show what happens, as it happens'
complete --command kmoddctl --condition __fish_use_subcommand --arguments try \
    --description 'try files, and take all back unless it is kept'
complete --command kmoddctl --condition __fish_use_subcommand --arguments symbols \
    --description 'list the symbols of a module'
complete --command kmoddctl --condition __fish_use_subcommand --arguments memory \
    --description 'list the managed modules by their memory'
complete --command kmoddctl --condition __fish_use_subcommand --arguments schema \
    --description 'print the JSON schema of the files'
complete --command kmoddctl --condition __fish_use_subcommand --arguments import \
    --description 'write what modprobe.d and modules-load.d say as a file of kmodd'
complete --command kmoddctl --condition __fish_use_subcommand --arguments graph \
    --description 'show modules in the order of loading, and why'
complete --command kmoddctl --condition __fish_use_subcommand --arguments timeline \
    --description 'show when modules were loaded, and how long it took'

complete --command kmoddctl --condition '__kmoddctl_operand 1 status explain retry release clear' \
    --arguments '(__kmoddctl_modules)'
complete --command kmoddctl --condition '__kmoddctl_operand 1 load deny set symbols' \
    --arguments '(__kmoddctl_all_modules)'
complete --command kmoddctl --condition __kmoddctl_parameter --arguments '(__kmoddctl_parameters)'
complete --command kmoddctl --condition '__kmoddctl_operand 2 explain' --arguments 'state parameters
    on_parameter_change after before requires wants conflicts replaces when when_gone ready load_timeout reason'
complete --command kmoddctl --condition '__kmoddctl_operand 1 schema' --arguments 'kmodd.d kmodd.toml'
complete --command kmoddctl --condition '__fish_seen_subcommand_from check try' --arguments '(__kmoddctl_files)'
complete --command kmoddctl --condition '__fish_seen_subcommand_from status' --long-option all \
    --description 'list what is as declared, too'
complete --command kmoddctl --condition '__fish_seen_subcommand_from try' --long-option timeout --exclusive \
    --description 'seconds after which all is taken back'
complete --command kmoddctl --condition '__fish_seen_subcommand_from try' --long-option yes \
    --description 'keep it if all is as declared'
complete --command kmoddctl --condition '__fish_seen_subcommand_from load deny set' --long-option runtime \
    --description 'until the next boot'
complete --command kmoddctl --condition '__fish_seen_subcommand_from load deny set' --long-option persistent \
    --description 'by a file in /etc/kmodd.d'
complete --command kmoddctl --condition '__fish_seen_subcommand_from import' --long-option output \
    --exclusive --arguments '(__fish_complete_directories)' --description 'write files there'
complete --command kmoddctl --condition '__fish_seen_subcommand_from plan check import' --long-option root \
    --exclusive --arguments '(__fish_complete_directories)' --description 'the system below this directory'
complete --command kmoddctl --condition '__fish_seen_subcommand_from plan check import' --long-option kernel \
    --exclusive --arguments '(__kmoddctl_kernels)' --description 'the kernel whose modules count'
complete --command kmoddctl --condition '__fish_seen_subcommand_from plan' --long-option offline \
    --description 'plan from files, without a daemon'
complete --command kmoddctl --condition '__fish_seen_subcommand_from check' --long-option sarif \
    --description 'write a SARIF 2.1.0 log'
complete --command kmoddctl --condition '__fish_seen_subcommand_from check' --long-option strict \
    --description 'let warnings fail as well'
complete --command kmoddctl --condition '__fish_seen_subcommand_from graph' --long-option dot \
    --description 'write a graph for dot'
complete --command kmoddctl --condition '__fish_seen_subcommand_from graph timeline' --long-option svg \
    --description 'draw a picture'
