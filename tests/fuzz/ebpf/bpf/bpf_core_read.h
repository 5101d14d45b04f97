/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* In place of libbpf's header of this name: there is no kernel whose structures differ. */
#ifndef TOA_HOST_BPF_CORE_READ_H
#define TOA_HOST_BPF_CORE_READ_H

#define bpf_core_field_offset(field)			((unsigned long)&(field))
#define bpf_core_type_size(type)			sizeof(type)
#define bpf_core_enum_value_exists(type, value)		1
#define bpf_core_enum_value(type, value)		value

#endif
