// SPDX-License-Identifier: MIT
/* It needs a symbol that neither the kernel nor any module has. */
#include <linux/module.h>

void kmodd_symbol_of_nobody(void);

static int __init kmodd_symbol_init(void)
{
	kmodd_symbol_of_nobody();
	return 0;
}
module_init(kmodd_symbol_init);

static void __exit kmodd_symbol_exit(void)
{
}
module_exit(kmodd_symbol_exit);

MODULE_DESCRIPTION("kmodd's tests: needs a symbol that nobody has");
MODULE_LICENSE("Dual MIT/GPL");
