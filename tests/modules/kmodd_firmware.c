// SPDX-License-Identifier: MIT
/* Init needs a firmware file, which no machine has unless a test puts it there. */
#include <linux/err.h>
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#define FILE_NAME "kmodd/absent.bin"

static int __init kmodd_firmware_init(void)
{
	struct platform_device *device = platform_device_register_simple(KBUILD_MODNAME, -1, NULL, 0);
	const struct firmware *firmware;
	int error;

	if (IS_ERR(device))
		return PTR_ERR(device);
	error = request_firmware(&firmware, FILE_NAME, &device->dev);
	if (!error)
		release_firmware(firmware);
	platform_device_unregister(device);
	return error;
}
module_init(kmodd_firmware_init);

static void __exit kmodd_firmware_exit(void)
{
}
module_exit(kmodd_firmware_exit);

MODULE_DESCRIPTION("kmodd's tests: needs a firmware file that is not there");
MODULE_FIRMWARE(FILE_NAME);
MODULE_LICENSE("Dual MIT/GPL");
