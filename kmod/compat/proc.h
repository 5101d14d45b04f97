/* SPDX-License-Identifier: GPL-2.0-only */
/* Files in /proc/net: proc_create_net*() since 4.18, file_operations before. */
#ifndef TOA_COMPAT_PROC_H
#define TOA_COMPAT_PROC_H

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#ifdef TOA_HAVE_PROC_CREATE_NET

#define TOA_PROC_NET_SINGLE(name, show_fn)				\
static struct proc_dir_entry *						\
toa_proc_net_create_##name(struct net *net, umode_t mode)		\
{									\
	return proc_create_net_single(#name, mode, net->proc_net,	\
				      show_fn, NULL);			\
}

#define TOA_PROC_NET_SEQ(name, seq_ops, state)				\
static struct proc_dir_entry *						\
toa_proc_net_create_##name(struct net *net, umode_t mode)		\
{									\
	return proc_create_net(#name, mode, net->proc_net, &(seq_ops),	\
			       sizeof(state));				\
}

#else

static inline struct net *seq_file_single_net(struct seq_file *seq)
{
	return seq->private;
}

#define TOA_PROC_NET_CREATE(name)					\
static struct proc_dir_entry *						\
toa_proc_net_create_##name(struct net *net, umode_t mode)		\
{									\
	return proc_create(#name, mode, net->proc_net, &name##_fops);	\
}

#define TOA_PROC_NET_SINGLE(name, show_fn)				\
static int name##_open(struct inode *inode, struct file *file)		\
{									\
	return single_open_net(inode, file, show_fn);			\
}									\
									\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = seq_read,						\
	.llseek = seq_lseek,						\
	.release = single_release_net,					\
};									\
									\
TOA_PROC_NET_CREATE(name)

#define TOA_PROC_NET_SEQ(name, seq_ops, state)				\
static int name##_open(struct inode *inode, struct file *file)		\
{									\
	return seq_open_net(inode, file, &(seq_ops), sizeof(state));	\
}									\
									\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = seq_read,						\
	.llseek = seq_lseek,						\
	.release = seq_release_net,					\
};									\
									\
TOA_PROC_NET_CREATE(name)

#endif

#endif
