// SPDX-License-Identifier: MIT
/* Nothing is the matter with it. */
#include <linux/module.h>

static int __init kmodd_plain_init(void)
{
	return 0;
}
module_init(kmodd_plain_init);

static void __exit kmodd_plain_exit(void)
{
}
module_exit(kmodd_plain_exit);

MODULE_DESCRIPTION("kmodd's tests: nothing is the matter with it");
MODULE_LICENSE("Dual MIT/GPL");
