# shellcheck shell=bash
# What in a kernel's log is a failure, whatever the command's exit code says.

panic_lines='Kernel panic|Attempted to kill init'
splat_lines='WARNING: |BUG: |BUG at |kernel BUG|Oops|Call Trace:|Call trace:|cut here \]|general protection fault'
splat_lines+='|Unable to handle kernel|rcu.*(stall|detected expedited)|rcu: INFO|soft lockup|hard LOCKUP|blocked for more than'
splat_lines+='|KASAN|KCSAN|KFENCE: |UBSAN|possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage'
splat_lines+='|INFO: (possible|inconsistent|trying to register|task|lockdep)|lock(s)? held (when|by)|bad unlock balance'
splat_lines+='|held lock freed|scheduling while atomic|sleeping function called|suspected memory leaks|refcount_t: '
splat_lines+='|list_(add|del) corruption|unregister_netdevice: waiting|Bad page|Modules linked in'
# Said by kernels that have these detectors built in, at every boot.
harmless_lines='KernelAddressSanitizer initialized|kasan: |KASAN-|kfence: initialized|Lock dependency validator'

# Prints the lines of log file $1 that are failures; $2 is what the caller allows besides. Only what bears the kernel's
# time stamp counts: the command may say what it likes.
splats_in() {
    grep -a -E "\[ *[0-9]+\.[0-9]+\](\[[^]]*\])? .*($panic_lines|$splat_lines)" "$1" |
        grep -a -v -E "$harmless_lines${2:+|$2}" || true
}
