/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The formats of TOA options. Made from toa-core/src/format.rs, which says what they
 * are; `TOA_WRITE_HEADER=1 cargo test -p toa-core format` makes it anew.
 */
#ifndef TOA_FORMATS_H
#define TOA_FORMATS_H

/* What the bytes of an option of one length mean. */
enum toa_layout {
	TOA_LAYOUT_TOA4,
	TOA_LAYOUT_TOA6,
	TOA_LAYOUT_VTOA4,
	TOA_LAYOUT_VIP4,
	TOA_LAYOUT_VTOA6,
	TOA_LAYOUT_CIP4,
	TOA_LAYOUT_CIP6,
	TOA_LAYOUT_TTGW,
	TOA_LAYOUTS,
};

/*
 * Offsets count from the option's kind byte, in network order; 0: it has no such field.
 * With a version, the byte behind the length must be that.
 *
 *	X(layout, length, port, address, virtual port, virtual address, address length, version)
 */
#define TOA_FOR_EACH_LAYOUT(X) \
	X(TOA_LAYOUT_TOA4, 8, 2, 4, 0, 0, 4, 0) \
	X(TOA_LAYOUT_TOA6, 20, 2, 4, 0, 0, 16, 0) \
	X(TOA_LAYOUT_VTOA4, 20, 2, 4, 16, 12, 4, 0) \
	X(TOA_LAYOUT_VIP4, 8, 0, 0, 2, 4, 4, 0) \
	X(TOA_LAYOUT_VTOA6, 40, 2, 4, 0, 24, 16, 0) \
	X(TOA_LAYOUT_CIP4, 7, 0, 3, 0, 0, 4, 1) \
	X(TOA_LAYOUT_CIP6, 19, 0, 3, 0, 0, 16, 1) \
	X(TOA_LAYOUT_TTGW, 16, 2, 4, 10, 12, 4, 0)

/*
 * The formats by name, a row for each kind. `toa@KIND` has no row: it is the layouts
 * TOA4 and TOA6 under that kind.
 *
 *	X(name, kind, mask of layouts)
 */
#define TOA_FOR_EACH_FORMAT(X) \
	X("toa", 254, 1 << TOA_LAYOUT_TOA4 | 1 << TOA_LAYOUT_TOA6) \
	X("toa", 253, 1 << TOA_LAYOUT_TOA4 | 1 << TOA_LAYOUT_TOA6) \
	X("toa", 200, 1 << TOA_LAYOUT_TOA4 | 1 << TOA_LAYOUT_TOA6) \
	X("vtoa", 254, 1 << TOA_LAYOUT_TOA4) \
	X("vtoa", 252, 1 << TOA_LAYOUT_VTOA4) \
	X("vtoa", 250, 1 << TOA_LAYOUT_VIP4) \
	X("vtoa", 249, 1 << TOA_LAYOUT_VTOA6) \
	X("cip", 28, 1 << TOA_LAYOUT_CIP4 | 1 << TOA_LAYOUT_CIP6) \
	X("ttgw", 254, 1 << TOA_LAYOUT_TTGW)

/* Kinds with a standard meaning, which `toa@KIND` refuses. */
#define TOA_FOR_EACH_ASSIGNED_KIND(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(8) X(19) X(28) X(29) X(30) X(34) X(69)

#endif
