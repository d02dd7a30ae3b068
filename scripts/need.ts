import { ensureDebian } from './debian.ts';

/** What tests need from Debian. Installed here, so that nothing has to be by hand. */
ensureDebian([
  ['strace', '/usr/bin/strace'],
  ['git', '/usr/bin/git'],
  ['openssl', '/usr/bin/openssl'],
  ['postgresql', '/usr/lib/postgresql'],
  ['systemd', '/usr/bin/systemd-analyze'],
  ['docker-compose', '/usr/bin/docker-compose'],
  ['kubernetes-client', '/usr/bin/kubectl'],
  ['chromium', '/usr/bin/chromium'],
  ['nginx-light', '/usr/sbin/nginx'],
]);
