import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A key and its certificate, as PEM. */
export interface Credentials {
  readonly key: string;
  readonly cert: string;
}

/** An authority of a test's own, in a folder: real certificates by openssl. */
export class Authority {
  readonly caFile: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.caFile = join(folder, 'ca.pem');
    this.#openssl([
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '30',
      '-subj',
      '/CN=test authority',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    ]);
  }

  /** A certificate for `names` (`IP:127.0.0.1`, `DNS:localhost`); `days` < 0: it has expired. */
  issue(name: string, names: string, days = 30): Credentials {
    this.#openssl([
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    ]);
    writeFileSync(join(this.#folder, `${name}.ext`), `subjectAltName=${names}\n`);
    const validity = days < 0 ? ['-not_before', '20200101000000Z', '-not_after', '20200201000000Z'] : ['-days', String(days)];
    this.#ca(name, validity);
    return { key: readFileSync(join(this.#folder, `${name}.key`), 'utf8'), cert: readFileSync(join(this.#folder, `${name}.pem`), 'utf8') };
  }

  /** `openssl ca` and not `x509 -req`: only it can set a validity in the past in OpenSSL 3.0. */
  #ca(name: string, validity: readonly string[]): void {
    const config =
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n';
    writeFileSync(join(this.#folder, 'ca.cnf'), config);
    writeFileSync(join(this.#folder, 'index.txt'), '');
    const dates = validity[0] === '-days' ? validity : ['-startdate', validity[1] ?? '', '-enddate', validity[3] ?? ''];
    this.#openssl([
      'ca',
      '-batch',
      '-config',
      'ca.cnf',
      '-cert',
      'ca.pem',
      '-keyfile',
      'ca.key',
      ...dates,
      '-extfile',
      `${name}.ext`,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-notext',
    ]);
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: 'pipe' });
  }
}
