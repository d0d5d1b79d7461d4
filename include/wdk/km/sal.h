/* SPDX-License-Identifier: MIT
 *
 * Source annotations of driver source. They tell a static analyser about buffers and IRQLs; for a compiler they are
 * nothing.
 */
#ifndef VFPLANE_WDK_SAL_H
#define VFPLANE_WDK_SAL_H

#define _In_
#define _In_opt_
#define _In_z_
#define _In_opt_z_
#define _Out_
#define _Out_opt_
#define _Inout_
#define _Inout_opt_
#define _Inout_z_
#define _Inout_updates_all_
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Outptr_opt_result_maybenull_
#define _Outptr_result_nullonfailure_
#define _Outref_
#define _COM_Outptr_
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Ret_z_
#define _Must_inspect_result_
#define _Check_return_
#define _Check_return_opt_
#define _Result_nullonfailure_
#define _Reserved_
#define _Const_
#define _Null_
#define _Notnull_
#define _Maybenull_
#define _Null_terminated_
#define _NullNull_terminated_
#define _Printf_format_string_
#define _Points_to_data_
#define _Use_decl_annotations_
#define _IRQL_requires_same_
#define _IRQL_saves_
#define _IRQL_restores_
#define _Pre_notnull_
#define _Pre_maybenull_
#define _Pre_valid_
#define _Pre_null_
#define _Pre_opt_valid_
#define _Post_valid_
#define _Post_invalid_
#define _Post_ptr_invalid_
#define _Post_notnull_
#define _Post_maybenull_
#define _Post_null_
#define _Post_z_
#define _Prepost_z_
#define _Pre_z_
#define _Pre_
#define _Post_
#define _Deref_out_
#define _Deref_out_opt_
#define _Frees_ptr_
#define _Frees_ptr_opt_
#define _Interlocked_operand_
#define _Strict_type_match_
#define _Raises_SEH_exception_
#define _Maybe_raises_SEH_exception_
#define _Requires_no_locks_held_
#define _Field_z_
#define _Notref_
#define _Notliteral_
#define _Literal_
#define _Analysis_noreturn_
#define __in
#define __in_opt
#define __out
#define __out_opt
#define __inout
#define __inout_opt
#define __deref_out
#define __deref_out_opt
#define __reserved
#define __checkReturn
#define __nullterminated
#define __drv_aliasesMem
#define __drv_sameIRQL
#define __drv_mustHoldCriticalRegion
#define __drv_inTry
#define __drv_notInTry
#define __drv_interlocked
#define __drv_useCancelIRQL
#define __drv_isCancelIRQL
#define __callback
#define _IRQL_is_cancel_
#define _Enum_is_bitflag_
#define _Kernel_float_saved_
#define _Kernel_float_restored_
#define _Kernel_float_used_
#define _Global_cancel_spin_lock_
#define _Global_critical_region_
#define _Benign_race_begin_
#define _Benign_race_end_
#define _No_competing_thread_begin_
#define _No_competing_thread_end_
#define __drv_savesIRQL
#define __drv_restoresIRQL
#define __drv_typeConst
#define __drv_typeExpr
#define __drv_constant
#define __drv_clearDoInit
#define _In_reads_(s)
#define _In_reads_opt_(s)
#define _In_reads_bytes_(s)
#define _In_reads_bytes_opt_(s)
#define _In_reads_z_(s)
#define _In_reads_or_z_(s)
#define _In_range_(l, h)
#define _Out_writes_(s)
#define _Out_writes_opt_(s)
#define _Out_writes_bytes_(s)
#define _Out_writes_bytes_opt_(s)
#define _Out_writes_all_(s)
#define _Out_writes_all_opt_(s)
#define _Out_writes_bytes_all_(s)
#define _Out_writes_bytes_all_opt_(s)
#define _Out_writes_to_(s, c)
#define _Out_writes_to_opt_(s, c)
#define _Out_writes_bytes_to_(s, c)
#define _Out_writes_bytes_to_opt_(s, c)
#define _Out_writes_z_(s)
#define _Out_writes_opt_z_(s)
#define _Out_range_(l, h)
#define _Inout_updates_(s)
#define _Inout_updates_opt_(s)
#define _Inout_updates_bytes_(s)
#define _Inout_updates_bytes_opt_(s)
#define _Inout_updates_to_(s, c)
#define _Inout_updates_bytes_to_(s, c)
#define _Inout_updates_z_(s)
#define _Outptr_result_bytebuffer_(s)
#define _Outptr_result_buffer_(s)
#define _Outptr_opt_result_bytebuffer_(s)
#define _Outptr_result_bytebuffer_maybenull_(s)
#define _Field_size_(s)
#define _Field_size_opt_(s)
#define _Field_size_bytes_(s)
#define _Field_size_bytes_opt_(s)
#define _Field_size_part_(s, c)
#define _Field_size_bytes_part_(s, c)
#define _Field_range_(l, h)
#define _Struct_size_bytes_(s)
#define _Ret_range_(l, h)
#define _Ret_writes_(s)
#define _Ret_writes_bytes_(s)
#define _Ret_writes_maybenull_(s)
#define _Ret_writes_bytes_maybenull_(s)
#define _Deref_out_range_(l, h)
#define _Deref_in_range_(l, h)
#define _Deref_inout_range_(l, h)
#define _Deref_pre_bytecount_(s)
#define _When_(e, a)
#define _At_(t, a)
#define _At_buffer_(t, i, c, a)
#define _Group_(a)
#define _Success_(e)
#define _On_failure_(a)
#define _Return_type_success_(e)
#define _Function_class_(c)
#define _Dispatch_type_(t)
#define _IRQL_requires_(i)
#define _IRQL_requires_max_(i)
#define _IRQL_requires_min_(i)
#define _IRQL_raises_(i)
#define _IRQL_always_function_max_(i)
#define _IRQL_always_function_min_(i)
#define _IRQL_saves_global_(k, p)
#define _IRQL_restores_global_(k, p)
#define _IRQL_limited_to_(i)
#define _Requires_lock_held_(l)
#define _Requires_lock_not_held_(l)
#define _Requires_exclusive_lock_held_(l)
#define _Requires_shared_lock_held_(l)
#define _Acquires_lock_(l)
#define _Releases_lock_(l)
#define _Acquires_exclusive_lock_(l)
#define _Acquires_shared_lock_(l)
#define _Releases_exclusive_lock_(l)
#define _Releases_shared_lock_(l)
#define _Acquires_nonreentrant_lock_(l)
#define _Releases_nonreentrant_lock_(l)
#define _Create_lock_level_(l)
#define _Has_lock_level_(l)
#define _Lock_level_order_(a, b)
#define _Has_lock_kind_(k)
#define _Guarded_by_(l)
#define _Write_guarded_by_(l)
#define _Post_same_lock_(a, b)
#define _Post_satisfies_(e)
#define _Pre_satisfies_(e)
#define _Satisfies_(e)
#define _Post_equal_to_(e)
#define _Unchanged_(e)
#define _Post_writable_byte_size_(s)
#define _Post_readable_byte_size_(s)
#define _Pre_writable_byte_size_(s)
#define _Pre_readable_byte_size_(s)
#define _Readable_bytes_(s)
#define _Writable_bytes_(s)
#define _Readable_elements_(s)
#define _Writable_elements_(s)
#define _Post_readable_size_(s)
#define _Post_writable_size_(s)
#define _Analysis_assume_(e)
#define _Analysis_mode_(m)
#define __drv_allocatesMem(k)
#define __drv_freesMem(k)
#define __drv_maxIRQL(i)
#define __drv_minIRQL(i)
#define __drv_requiresIRQL(i)
#define __drv_raisesIRQL(i)
#define __drv_setsIRQL(i)
#define __drv_functionClass(c)
#define __drv_dispatchType(t)
#define __drv_when(e, a)
#define __drv_at(t, a)
#define __drv_in(a)
#define __drv_out(a)
#define __drv_inout(a)
#define __drv_arg(t, a)
#define __drv_ret(a)
#define __drv_valueIs(v)
#define __drv_formatString(k)
#define __drv_preferredFunction(f, r)
#define __drv_reportError(r)
#define __drv_out_deref(a)
#define __drv_in_deref(a)
#define __drv_deref(a)
#define __drv_strictType(t, m)
#define __drv_strictTypeMatch(m)
#define __drv_acquiresResource(k)
#define __drv_releasesResource(k)
#define __drv_mustHold(k)
#define __drv_neverHold(k)
#define __in_bcount(s)
#define __in_ecount(s)
#define __in_bcount_opt(s)
#define __in_ecount_opt(s)
#define __out_bcount(s)
#define __out_ecount(s)
#define __out_bcount_opt(s)
#define __out_ecount_opt(s)
#define __out_bcount_part(s, c)
#define __out_ecount_part(s, c)
#define __inout_bcount(s)
#define __inout_ecount(s)
#define __inout_bcount_opt(s)
#define __inout_ecount_opt(s)
#define __deref_out_bcount(s)
#define __deref_out_ecount(s)
#define __field_bcount(s)
#define __field_ecount(s)
#define __field_bcount_opt(s)
#define __field_ecount_opt(s)
#define __range(l, h)
#define __deref_out_range(l, h)
#define __success(e)
#define __analysis_assume(e)
#define __struct_bcount(s)

#endif
