import { ensureDebian } from './debian.ts';

/** What tests need from Debian. Installed here, so that nothing has to be by hand. */
ensureDebian([
  ['strace', '/usr/bin/strace'],
  ['xfsprogs', '/usr/sbin/xfs_io'],
  ['e2fsprogs', '/usr/sbin/mkfs.ext4'],
  ['git', '/usr/bin/git'],
  ['openssl', '/usr/bin/openssl'],
  ['postgresql', '/usr/lib/postgresql'],
  ['systemd', '/usr/bin/systemd-analyze'],
  ['docker-compose', '/usr/bin/docker-compose'],
  ['kubernetes-client', '/usr/bin/kubectl'],
  ['chromium', '/usr/bin/chromium'],
  ['nginx-light', '/usr/sbin/nginx'],
]);
