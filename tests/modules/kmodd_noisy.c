// SPDX-License-Identifier: MIT
/* Init fills the kernel's log: with its own name, with another module's, and with what a terminal obeys. */
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched.h>

static unsigned int lines = 1000;
module_param(lines, uint, 0444);
MODULE_PARM_DESC(lines, "how many times it says something under its own name");

static char *victim = "kmodd_fail";
module_param(victim, charp, 0444);
MODULE_PARM_DESC(victim, "the module in whose name it lies");

static int result;
module_param(result, int, 0444);
MODULE_PARM_DESC(result, "what init returns when all is said");

static int __init kmodd_noisy_init(void)
{
	unsigned int number;

	pr_err("%s: Unknown symbol spoofed (err -2)\n", victim);
	pr_err("%s: version magic 'spoofed' should be 'spoofed'\n", victim);
	pr_err("Lockdown: %s: unsigned module loading is restricted; see man kernel_lockdown.7\n", victim);
	for (number = 1; number <= lines; number++) {
		pr_info("%s: line %u\n", KBUILD_MODNAME, number);
		cond_resched();
	}
	pr_err("%s: red \033[31m, title \033]0;spoofed\007, return \roverwritten\n", KBUILD_MODNAME);
	pr_err("%s: first\n<0>%s: second\n", KBUILD_MODNAME, victim);
	return result;
}
module_init(kmodd_noisy_init);

static void __exit kmodd_noisy_exit(void)
{
}
module_exit(kmodd_noisy_exit);

MODULE_DESCRIPTION("kmodd's tests: much, wrong and dangerous text in the kernel's log");
MODULE_LICENSE("Dual MIT/GPL");
