// SPDX-License-Identifier: MIT
/*
 * The driver of QEMU's pci-testdev, which has no other: ENODEV while there is none, and an alias by which udev
 * loads it when one is plugged in.
 */
#include <linux/module.h>
#include <linux/pci.h>

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT, 0x0005) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static int alias_probe(struct pci_dev *device, const struct pci_device_id *id)
{
	return 0;
}

static struct pci_driver alias_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = alias_probe,
};

static int __init kmodd_alias_init(void)
{
	return pci_dev_present(ids) ? pci_register_driver(&alias_driver) : -ENODEV;
}
module_init(kmodd_alias_init);

static void __exit kmodd_alias_exit(void)
{
	pci_unregister_driver(&alias_driver);
}
module_exit(kmodd_alias_exit);

MODULE_DESCRIPTION("kmodd's tests: the driver of a device that comes and goes");
MODULE_LICENSE("Dual MIT/GPL");
