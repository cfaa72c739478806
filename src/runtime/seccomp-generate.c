/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Run while the program is built: writes the rules of seccomp-rules.h as BPF programs into a C
 * header, one for each machine. libseccomp knows the numbers of the calls; the program is written
 * here, as a search tree over ranges of numbers with the same answer. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/seccomp-rules.h"
#include "shared/cleanup.h"

#define CALLS_MAX 1024
#define INSTRUCTIONS_MAX 4096

/* What becomes of a call: allowed, an errno, or (RULES + index) the argument rules from that row
 * on. */
#define RULES 10000

typedef struct Program {
        struct sock_filter code[INSTRUCTIONS_MAX];
        size_t n;
} Program;

static void fail(const char *what, const char *which) {
        fprintf(stderr, "seccomp-generate: %s: %s\n", which, what);
        exit(1);
}

static size_t emit(Program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf) {
        if (p->n >= INSTRUCTIONS_MAX)
                fail("too long", "program");
        p->code[p->n] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
        return p->n++;
}

static void emit_return(Program *p, int result) {
        emit(p, BPF_RET | BPF_K,
             result == ALLOWED ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)result, 0, 0);
}

/* The rows of one call, each: load, mask, compare, return. */
static void emit_rules(Program *p, size_t row) {
        const char *call = argument_rules[row].call;
        const ArgumentRule *r;

        do {
                r = &argument_rules[row++];
                /* Both machines are little endian: the lower half comes first. */
                emit(p, BPF_LD | BPF_W | BPF_ABS,
                     offsetof(struct seccomp_data, args) + r->argument * sizeof(uint64_t), 0, 0);
                emit(p, BPF_ALU | BPF_AND | BPF_K, r->mask, 0, 0);
                emit(p, BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 1);
                emit_return(p, r->result);
        } while (row < ELEMENTSOF(argument_rules) && strcmp(argument_rules[row].call, call) == 0);
        emit_return(p, r->otherwise);
}

/* The answer for all numbers in [first, end), which are split where the answer changes. A jump
 * reaches only 255 instructions far, so the right half is entered by an unconditional one. */
static void emit_tree(Program *p, const int *answers, const int *starts, int first, int end) {
        int middle = (first + end) / 2;
        size_t jump;

        if (end - first == 1) {
                int answer = answers[starts[first]];

                if (answer >= RULES)
                        emit_rules(p, answer - RULES);
                else
                        emit_return(p, answer);
                return;
        }
        emit(p, BPF_JMP | BPF_JGE | BPF_K, starts[middle], 0, 1);
        jump = emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
        emit_tree(p, answers, starts, first, middle);
        p->code[jump].k = p->n - jump - 1;
        emit_tree(p, answers, starts, middle, end);
}

static void set_answer(int *answers, const char *name, int number, int answer) {
        if (number >= CALLS_MAX - 1)
                fail("number too high", name);
        if (answers[number] != ENOSYS)
                fail("stands in two rules", name);
        answers[number] = answer;
}

/* Return: the number on this machine, negative when it has no such call. A name that no machine
 * knows is a typing error. */
static int resolve(const Machine *machine, const char *name) {
        bool known = false;

        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                if (seccomp_syscall_resolve_name_arch(machines[i].seccomp_arch, name) >= 0)
                        known = true;
        if (!known)
                fail("no such system call", name);
        return seccomp_syscall_resolve_name_arch(machine->seccomp_arch, name);
}

static void collect(const Machine *machine, int answers[static CALLS_MAX]) {
        int number;

        for (int i = 0; i < CALLS_MAX; i++)
                answers[i] = ENOSYS;
        for (size_t i = 0; i < ELEMENTSOF(allowed_calls); i++) {
                number = resolve(machine, allowed_calls[i]);
                if (number >= 0)
                        set_answer(answers, allowed_calls[i], number, ALLOWED);
        }
        for (size_t i = 0; i < ELEMENTSOF(allowed_numbers); i++)
                set_answer(answers, "a number", allowed_numbers[i], ALLOWED);
        for (size_t i = 0; i < ELEMENTSOF(denied_calls); i++) {
                number = resolve(machine, denied_calls[i]);
                if (number >= 0)
                        set_answer(answers, denied_calls[i], number, EPERM);
        }
        for (size_t i = 0; i < ELEMENTSOF(argument_rules); i++) {
                number = resolve(machine, argument_rules[i].call);
                if (number >= 0 && answers[number] < RULES)
                        set_answer(answers, argument_rules[i].call, number, RULES + (int)i);
        }
}

static void compile(const Machine *machine, Program *p) {
        int answers[CALLS_MAX], starts[CALLS_MAX], n = 0;

        collect(machine, answers);
        for (int i = 0; i < CALLS_MAX; i++)
                if (i == 0 || answers[i] != answers[i - 1])
                        starts[n++] = i;

        emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, machine->seccomp_arch, 1, 0);
        emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
        emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
        if (machine->call_limit) {
                emit(p, BPF_JMP | BPF_JGE | BPF_K, machine->call_limit, 0, 1);
                emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
        }
        emit_tree(p, answers, starts, 0, n);
}

int main(void) {
        printf("/* Made by seccomp-generate from seccomp-rules.h. */\n");
        for (size_t i = 0; i < ELEMENTSOF(machines); i++) {
                static Program p;

                p.n = 0;
                compile(&machines[i], &p);
                printf("#%s defined(%s)\n", i == 0 ? "if" : "elif", machines[i].macro);
                printf("static const struct sock_filter seccomp_code[] = {\n");
                for (size_t k = 0; k < p.n; k++)
                        printf("        {0x%x, %u, %u, 0x%x},\n", p.code[k].code, p.code[k].jt,
                               p.code[k].jf, p.code[k].k);
                printf("};\n");
        }
        printf("#else\n#error \"no system call filter for this machine\"\n#endif\n");
        return fflush(stdout) == 0 ? 0 : 1;
}
