/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef PROBE_H
#define PROBE_H

/* Ends the run when the source that was asked for does not answer. */
void probe_source(void);
/* The cases of --expect-none. */
void cases_no_source(void);

#endif
