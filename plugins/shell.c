/* SPDX-License-Identifier: MIT */
int ciplug_placeholder;
int ciplug_placeholder;
