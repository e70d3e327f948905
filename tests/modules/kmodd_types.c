// SPDX-License-Identifier: MIT
/*
 * A parameter of every type that linux/moduleparam.h has, named like the type; one of every mode; and some whose
 * set functions do what real ones do.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>

#define PARAMETER(type, c_type, initial)			\
	static c_type the_##type = initial;			\
	module_param_named(type, the_##type, type, 0644);	\
	MODULE_PARM_DESC(type, "of type " #type)

PARAMETER(byte, unsigned char, 1);
PARAMETER(short, short, -2);
PARAMETER(ushort, unsigned short, 2);
PARAMETER(int, int, -3);
PARAMETER(uint, unsigned int, 3);
PARAMETER(long, long, -4);
PARAMETER(ulong, unsigned long, 4);
PARAMETER(ullong, unsigned long long, 5);
PARAMETER(hexint, unsigned int, 0x1f);
PARAMETER(charp, char *, "text");
PARAMETER(bool, bool, false);
PARAMETER(invbool, bool, false);
PARAMETER(bool_enable_only, bool, false);
PARAMETER(bint, int, 0);

static char the_string[8] = "short";
module_param_string(string, the_string, sizeof(the_string), 0644);
MODULE_PARM_DESC(string, "of up to 7 bytes");

static int the_array[4] = {1, 2};
static int array_count = 2;
module_param_array_named(array, the_array, int, &array_count, 0644);
MODULE_PARM_DESC(array, "of up to four int");

static int the_unsafe;
module_param_named_unsafe(unsafe, the_unsafe, int, 0644);
MODULE_PARM_DESC(unsafe, "setting it taints the kernel");

#define MODE(mode)						\
	static int the_##mode;					\
	module_param_named(mode_##mode, the_##mode, int, 0##mode); \
	MODULE_PARM_DESC(mode_##mode, "of mode 0" #mode)

MODE(444);
MODE(200);
static int hidden;
module_param_named(mode_000, hidden, int, 0);
MODULE_PARM_DESC(mode_000, "of mode 0: it has no file");

static int clamp_set(const char *value, const struct kernel_param *kp)
{
	int wanted, error = kstrtoint(value, 0, &wanted);

	if (!error)
		*(int *)kp->arg = clamp(wanted, 0, 100);
	return error;
}

static const struct kernel_param_ops clamp_ops = {
	.set = clamp_set,
	.get = param_get_int,
};
static int clamped;
module_param_cb(clamps, &clamp_ops, &clamped, 0644);
MODULE_PARM_DESC(clamps, "0 to 100; what is beyond becomes the nearest of them, without a word");

static int refuse_set(const char *value, const struct kernel_param *kp)
{
	unsigned char wanted;
	int error = kstrtou8(value, 0, &wanted);

	return error ? error : -wanted;
}

static const struct kernel_param_ops refuse_ops = {
	.set = refuse_set,
	.get = param_get_int,
};
static int refused;
module_param_cb(refuses, &refuse_ops, &refused, 0644);
MODULE_PARM_DESC(refuses, "N is refused with errno N; 0 is accepted");

static int block_set(const char *value, const struct kernel_param *kp)
{
	unsigned int seconds;
	int error = kstrtouint(value, 0, &seconds);

	if (error)
		return error;
	ssleep(seconds);
	*(unsigned int *)kp->arg = seconds;
	return 0;
}

static const struct kernel_param_ops block_ops = {
	.set = block_set,
	.get = param_get_uint,
};
static unsigned int blocked;
module_param_cb(blocks, &block_ops, &blocked, 0644);
MODULE_PARM_DESC(blocks, "writing N takes N seconds, and no signal ends it");

static int __init kmodd_types_init(void)
{
	return 0;
}
module_init(kmodd_types_init);

static void __exit kmodd_types_exit(void)
{
}
module_exit(kmodd_types_exit);

MODULE_DESCRIPTION("kmodd's tests: parameters of every type");
MODULE_LICENSE("Dual MIT/GPL");
