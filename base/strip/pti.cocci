// SPDX-License-Identifier: GPL-2.0-only
//
// Take the kernel's own PTI out of its C files: every test of the feature is
// decided as for a kernel without it, and what nothing then uses goes too.
// cocci.list says which rule is run on which file, and each has to change it.

virtual header, init_call, feature_test, feature_and, feature_else, set_p4d
virtual set_user, set_user_def, maps_userspace, pgd_order, shadow_bit
virtual nx_poison, user_pmds_def, user_pmds_use, user_pcid, user_asid_def
virtual user_asid_call, other_asids, one_kernel, one_user, tlb_fields
virtual asm_offset, cpu_entry, ldt_slot, ldt_slot_init, ldt_slot_va
virtual ldt_map_def, ldt_map_call, ldt_unmap_call, ldt_exit
virtual ldt_exit_call, set_memory, set_memory_decl, checkwx_user_decl
virtual checkwx_user, ptdump_decl, ptdump_def, ptdump_call, len_pages
virtual vsyscall_decl, vsyscall_bits, vsyscall_call

// --- headers, and the calls into mm/pti.c ----------------------------------

@depends on header@ @@
(
- #include <linux/pti.h>
|
- #include <asm/pti.h>
)

@depends on init_call@ @@
(
- pti_init();
|
- pti_finalize();
|
- pti_check_boottime_disable();
)

// --- tests of the feature ---------------------------------------------------

@depends on feature_test@ expression E; statement S; @@
(
- if (\(static_cpu_has\|boot_cpu_has\|cpu_feature_enabled\)(X86_FEATURE_PTI))
-	S
|
- if (E && cpu_feature_enabled(X86_FEATURE_PTI))
-	S
|
- if (IS_ENABLED(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION))
-	S
)

@depends on feature_and@ expression E; @@
- E && !boot_cpu_has(X86_FEATURE_PTI)
+ E

@depends on feature_else@ @@
- if (static_cpu_has(X86_FEATURE_PTI)) {
-	...
- } else {
	set_ldt(...);
- }

// --- page tables: one root a process, nothing to mirror ----------------------

@depends on set_p4d@ typedef p4d_t, pgd_t, u16, u32, bool; identifier p, v; @@
 static inline void native_set_p4d(p4d_t *p, p4d_t v)
 {
-	pgd_t pgd;
-	if (...) {
 		WRITE_ONCE(*p, v);
-		return;
-	}
-	...
 }

@depends on set_user@ expression P, V; @@
- pti_set_user_pgtbl(P, V)
+ V

@depends on set_user_def@ @@
- pti_set_user_pgtbl(...) { ... }

@depends on maps_userspace@ @@
- pgdp_maps_userspace(...) { ... }

@depends on pgd_order@ expression E; @@
(
- (pgd_t *)__get_free_pages(E, PGD_ALLOCATION_ORDER)
+ (pgd_t *)__get_free_page(E)
|
- free_pages(E, PGD_ALLOCATION_ORDER)
+ free_page(E)
)

@depends on shadow_bit@ expression E; @@
- E | _PAGE_NOPTISHADOW
+ E

@depends on nx_poison@ identifier pgd; @@
 map_tboot_page(...)
 {
	...
-	pgd->pgd &= ~_PAGE_NX;
	...
 }

// The user half of a PAE root
@depends on user_pmds_def@ @@
- pgd_prepopulate_user_pmd(...) { ... }

@depends on user_pmds_use@ @@
 pgd_alloc(...)
 {
	...
-	pmd_t *u_pmds[...];
	...
-	if (sizeof(u_pmds) != 0 && ...)
-		goto out_free_pmds;
	...
-	if (sizeof(u_pmds) != 0)
-		pgd_prepopulate_user_pmd(...);
	...
 }

// --- address space numbers ---------------------------------------------------

@depends on user_pcid@ @@
- user_pcid(...) { ... }

@depends on user_asid_def@ @@
- invalidate_user_asid(...) { ... }

@depends on user_asid_call@ @@
- invalidate_user_asid(...);

@depends on other_asids@ @@
- if (this_cpu_read(cpu_tlbstate.invalidate_other))
-	clear_asid_other();

@depends on one_kernel@ @@
 flush_tlb_one_kernel(...)
 {
	...
-	if (!static_cpu_has(X86_FEATURE_PTI))
-		return;
-	this_cpu_write(cpu_tlbstate.invalidate_other, true);
 }

@depends on one_user@ @@
 native_flush_tlb_one_user(unsigned long addr)
 {
-	u32 loaded_mm_asid;
-	bool cpu_pcide;
	invlpg(addr);
-	...
 }

@depends on tlb_fields@ @@
 struct tlb_state {
	...
-	bool invalidate_other;
	...
-	unsigned short user_pcid_flush_mask;
	...
 };

@depends on asm_offset@ @@
- OFFSET(TLB_STATE_user_pcid_flush_mask, ...);

@depends on cpu_entry@ @@
- if (within_area(..., (unsigned long)&per_cpu(cpu_tlbstate, cpu), ...))
-	return true;

// --- the LDT: no alias --------------------------------------------------------

@depends on ldt_slot@ @@
 struct ldt_struct {
	...
-	int slot;
 };

@depends on ldt_slot_init@ identifier l; @@
- l->slot = -1;

@depends on ldt_slot_va@ @@
- ldt_slot_va(...) { ... }

@depends on ldt_map_def@
identifier f = { map_ldt_struct, unmap_ldt_struct, free_ldt_pgtables };
@@
- f(...) { ... }

@depends on ldt_map_call@ identifier r; @@
- r = map_ldt_struct(...);
- if (r) { ... }

@depends on ldt_unmap_call@ @@
- unmap_ldt_struct(...);

@depends on ldt_exit@ @@
- ldt_arch_exit_mmap(...) { ... }

@depends on ldt_exit_call@ @@
- ldt_arch_exit_mmap(...);

// --- permissions of kernel pages, and who shows them --------------------------

@depends on set_memory@
identifier f = { set_memory_np_noalias, set_memory_nonglobal, set_memory_global };
@@
- f(...) { ... }

@depends on set_memory_decl@
identifier f = { set_memory_np_noalias, set_memory_nonglobal, set_memory_global };
@@
- int f(unsigned long addr, int numpages);

@depends on checkwx_user_decl@ @@
- void ptdump_walk_user_pgd_level_checkwx(void);

@depends on checkwx_user@ @@
- ptdump_walk_user_pgd_level_checkwx(...) { ... }

@depends on ptdump_decl@ @@
 void ptdump_walk_pgd_level_debugfs(struct seq_file *m, struct mm_struct *mm
-	, bool user
	);

@depends on ptdump_def@ identifier pgd; @@
 ptdump_walk_pgd_level_debugfs(struct seq_file *m, struct mm_struct *mm
-	, bool user
	)
 {
-	pgd_t *pgd = mm->pgd;
	ptdump_walk_pgd_level_core(m, mm,
-	pgd
+	mm->pgd
	, false, false);
 }

@depends on ptdump_call@ expression M, P; @@
 ptdump_walk_pgd_level_debugfs(M, P
-	, false
	)

@depends on len_pages@ @@
 free_kernel_image_pages(...)
 {
	...
-	unsigned long len_pages = ...;
	...
 }

@depends on vsyscall_decl@ @@
- extern void set_vsyscall_pgtable_user_bits(pgd_t *root);

@depends on vsyscall_bits@ @@
+ static
 void __init set_vsyscall_pgtable_user_bits(
-	pgd_t *root
+	void
	)
 {
	...
-	pgd = pgd_offset_pgd(root, VSYSCALL_ADDR);
+	pgd = pgd_offset_k(VSYSCALL_ADDR);
	...
 }

@depends on vsyscall_call@ @@
 set_vsyscall_pgtable_user_bits(
-	swapper_pg_dir
	)
