// SPDX-License-Identifier: MIT
/* Init panics the kernel. */
#include <linux/kernel.h>
#include <linux/module.h>

static int __init kmodd_panic_init(void)
{
	panic("kmodd_panic was loaded");
}
module_init(kmodd_panic_init);

static void __exit kmodd_panic_exit(void)
{
}
module_exit(kmodd_panic_exit);

MODULE_DESCRIPTION("kmodd's tests: init panics the kernel");
MODULE_LICENSE("Dual MIT/GPL");
