// source.md "Initialize on Startup"
import { ReceiptSyncManager, SidecarConfig } from 'receipt-sync';

const { DATA = './receipt-sync-data' } = process.env;

const config = SidecarConfig.fromEnv(process.env).toMultiRegionConfig().withDataDir(DATA);
const manager = await ReceiptSyncManager.open(config).catch((error: unknown) => {
  console.error(`Failed to initialize multi-region: ${error instanceof Error ? error.message : String(error)}`);
  throw error;
});

console.log('Multi-region receipt sync ready');
await manager.close();
