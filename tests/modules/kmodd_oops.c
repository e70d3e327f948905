// SPDX-License-Identifier: MIT
/* Init or exit writes to address 0. */
#include <linux/module.h>

static bool in_init;
module_param(in_init, bool, 0444);
MODULE_PARM_DESC(in_init, "whether init oopses");

static bool in_exit;
module_param(in_exit, bool, 0644);
MODULE_PARM_DESC(in_exit, "whether exit oopses");

static int *nowhere;

static void oops_if(bool wanted)
{
	if (wanted)
		WRITE_ONCE(*READ_ONCE(nowhere), 1);
}

static int __init kmodd_oops_init(void)
{
	oops_if(in_init);
	return 0;
}
module_init(kmodd_oops_init);

static void __exit kmodd_oops_exit(void)
{
	oops_if(in_exit);
}
module_exit(kmodd_oops_exit);

MODULE_DESCRIPTION("kmodd's tests: init or exit oopses");
MODULE_LICENSE("Dual MIT/GPL");
