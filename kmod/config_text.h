/* SPDX-License-Identifier: GPL-2.0-only */
/* The parameters' text forms. */
#ifndef TOA_CONFIG_TEXT_H
#define TOA_CONFIG_TEXT_H

#include "config.h"

/* Both log what is wrong and leave a half-filled @config on -EINVAL. */
int toa_text_to_trusted(const char *text, struct toa_config *config);
int toa_text_to_formats(const char *text, struct toa_config *config);

/* Into a page, without a newline; the length without the closing zero. */
int toa_trusted_to_text(const struct toa_config *config, char *page);
int toa_formats_config_to_text(const struct toa_config *config, char *page);

#endif
