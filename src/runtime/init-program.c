/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first process of a container that asked for an init (option `init`): passes signals on to the command and reaps
 * every process that lost its parent. `mydocker-init PID`, where PID is the command, a child already that waits for
 * SIGCHLD, and all signals are blocked. It ends with the command, as 128 and the signal's number if that was killed; the
 * kernel then ends whatever is left.
 *
 * It lies inside the supervisor's program and is executed from a sealed file in memory (init.c): no image has to
 * bring it, no file of the host's has to be shown. Without a C library, since each such container has one: it takes two
 * pages of its own. */

#include <asm/unistd.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/wait.h>

#define N_SIGNALS 64

#if defined(__x86_64__)
__asm__(".globl _start\n"
        "_start:\n"
        "        xor %ebp, %ebp\n"
        "        mov %rsp, %rdi\n"
        "        and $-16, %rsp\n"
        "        call begin\n");

static long call4(long number, long a, long b, long c, long d) {
        register long r10 __asm__("r10") = d;
        long result;

        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                         : "rcx", "r11", "memory");
        return result;
}
#else /* arm64; the system call filter knows no other machine either */
__asm__(".globl _start\n"
        "_start:\n"
        "        mov x29, #0\n"
        "        mov x0, sp\n"
        "        bl begin\n");

static long call4(long number, long a, long b, long c, long d) {
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;

        __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
        return x0;
}
#endif

static long parse_number(const char *s) {
        long number = 0;

        while (*s >= '0' && *s <= '9')
                number = number * 10 + (*s++ - '0');
        return number;
}

/* Reaps all that have ended; ends with the command. */
static void reap(long command) {
        int status = 0;
        long pid;

        while ((pid = call4(__NR_wait4, -1, (long)&status, WNOHANG, 0)) > 0) {
                int signo = status & 0x7f;

                if (pid == command)
                        call4(__NR_exit_group, signo ? 128 + signo : (status >> 8) & 0xff, 0, 0, 0);
        }
}

/* `stack` is what a program begins with: the number of arguments, then they themselves. */
__attribute__((noreturn, used)) static void begin(const long *stack) {
        unsigned long all = ~0UL;
        /* Executed by descriptor, it would be called after the file in memory. */
        static const char name[] = "mydocker-init";
        long command = stack[0] > 1 ? parse_number((const char *)stack[2]) : 0;

        call4(__NR_prctl, PR_SET_NAME, (long)name, 0, 0);
        call4(__NR_kill, command, SIGCHLD, 0, 0);
        for (;;) {
                long signo;

                reap(command);
                signo = call4(__NR_rt_sigtimedwait, (long)&all, 0, 0, N_SIGNALS / 8);
                if (signo > 0 && signo != SIGCHLD)
                        call4(__NR_kill, command, signo, 0, 0);
        }
}
