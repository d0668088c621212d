// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the status, in sysfs devices/system/cpu/pti, for tools
 * and where lockdown has debugfs closed.
 *
 * One value a file, so a file a row of the policy table: what a row shows may be asked
 * for, and rows come and go, without a format that readers would have to know. No
 * address is in any of it, and what is counted is less than /proc/interrupts has of the TLB,
 * so everybody may read it. Nobody may write.
 *
 * The ABI is Documentation/ABI/testing/sysfs-devices-system-cpu-pti.
 */
#define pr_fmt(fmt) "Kernel/User page tables isolation: " fmt

#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string_choices.h>
#include <linux/sysfs.h>

#include <asm/pgd_pair.h>
#include <asm/pti_switch.h>

#include "pti_exposure.h"
#include "pti_mode.h"
#include "pti_switch.h"
#include "pti_tlb.h"

static ssize_t requested_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	static const char *const texts[] = {
		[PTI_AUTO]	= "auto",
		[PTI_ON]	= "on",
		[PTI_OFF]	= "off",
	};

	return sysfs_emit(buf, "%s\n", texts[pti_mode]);
}

static struct kobj_attribute requested_attr = __ATTR_RO(requested);

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", str_on_off(pti_isolates()));
}

static struct kobj_attribute state_attr = __ATTR_RO(state);

static ssize_t reason_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", pti_why());
}

static struct kobj_attribute reason_attr = __ATTR_RO(reason);

static ssize_t pcid_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", cpu_feature_enabled(X86_FEATURE_PCID));
}

static struct kobj_attribute pcid_attr = __ATTR_RO(pcid);

static ssize_t invpcid_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", cpu_feature_enabled(X86_FEATURE_INVPCID));
}

static struct kobj_attribute invpcid_attr = __ATTR_RO(invpcid);

static ssize_t global_pages_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", !!(__default_kernel_pte_mask & _PAGE_GLOBAL));
}

static struct kobj_attribute global_pages_attr = __ATTR_RO(global_pages);

/* Without isolation there is no user page table to look at, and nothing is hidden. */
static ssize_t exposed_bytes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", pti_isolates() ? pti_exposed_bytes() : 0);
}

static struct kobj_attribute exposed_bytes_attr = __ATTR_RO(exposed_bytes);

static ssize_t opted_out_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", pgd_pairs_are_parted());
}

static struct kobj_attribute opted_out_attr = __ATTR_RO(opted_out);

/* In this order they are made: if one cannot be, those that matter most are there. */
static const struct attribute *const pti_attrs[] = {
	&state_attr.attr,
	&reason_attr.attr,
	&requested_attr.attr,
	&pcid_attr.attr,
	&invpcid_attr.attr,
	&global_pages_attr.attr,
	&exposed_bytes_attr.attr,
	&opted_out_attr.attr,
	NULL
};

/* What a CPU has counted stays when it goes offline. */
static ssize_t forgotten_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(pti_pcid.forgotten, cpu));

	return sysfs_emit(buf, "%lu\n", sum);
}

static struct kobj_attribute forgotten_attr = __ATTR_RO(forgotten);

static struct attribute *pti_flushes_attrs[] = {
	&forgotten_attr.attr,
	NULL
};

static const struct attribute_group pti_flushes_group = {
	.name	= "flushes",
	.attrs	= pti_flushes_attrs,
};

/**
 * struct pti_row_attr - the file of a row
 * @attr: its name is the row's
 * @row: whose bytes it tells
 */
struct pti_row_attr {
	struct kobj_attribute	attr;
	const struct pti_row	*row;
};

static ssize_t row_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct pti_row *row = container_of(attr, struct pti_row_attr, attr)->row;

	return sysfs_emit(buf, "%lu\n", pti_isolates() ? pti_row_bytes(row) : 0);
}

/* A file for each row, but for those of which each mm has its own. They stay for good. */
static int __init pti_add_rows(struct kobject *kobj)
{
	struct pti_row_attr *file;
	const struct pti_row *row;
	int err;

	for (row = pti_rows; row < pti_rows + pti_nr_rows; row++) {
		if (row->flags & PTI_WITH_LDT)
			continue;

		file = kzalloc(sizeof(*file), GFP_KERNEL);
		if (!file)
			return -ENOMEM;

		sysfs_attr_init(&file->attr.attr);
		file->attr.attr.name = row->name;
		file->attr.attr.mode = 0444;
		file->attr.show = row_show;
		file->row = row;
		err = sysfs_create_file(kobj, &file->attr.attr);
		if (err) {
			kfree(file);
			return err;
		}
	}
	return 0;
}

static int __init pti_add_files(struct kobject *kobj)
{
	struct kobject *exposure;
	int err;

	err = sysfs_create_files(kobj, pti_attrs) ?: sysfs_create_group(kobj, &pti_flushes_group);
	if (err)
		return err;

	exposure = kobject_create_and_add("exposure", kobj);
	return exposure ? pti_add_rows(exposure) : -ENOMEM;
}

/* What cannot be made is missing, and reported: the isolation does not depend on it. */
static int __init pti_sysfs_init(void)
{
	struct device *cpus = bus_get_dev_root(&cpu_subsys);
	struct kobject *kobj = NULL;
	int err = -ENODEV;

	if (cpus) {
		kobj = kobject_create_and_add("pti", &cpus->kobj);
		put_device(cpus);
		err = kobj ? pti_add_files(kobj) : -ENOMEM;
	}
	if (err)
		pr_warn("the status in sysfs is not complete (%d)\n", err);

	return err;
}
late_initcall(pti_sysfs_init);
