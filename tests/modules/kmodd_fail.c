// SPDX-License-Identifier: MIT
/* Init returns what it is told to. */
#include <linux/module.h>

static int result = -EINVAL;
module_param(result, int, 0444);
MODULE_PARM_DESC(result, "what init returns: -errno, 0 or a positive number");

static int __init kmodd_fail_init(void)
{
	return result;
}
module_init(kmodd_fail_init);

static void __exit kmodd_fail_exit(void)
{
}
module_exit(kmodd_fail_exit);

MODULE_DESCRIPTION("kmodd's tests: init returns what it is told to");
MODULE_LICENSE("Dual MIT/GPL");
