// Preloaded into a daemon (`node --import`): its wall clock is off by as many milliseconds as the file says that
// MEMA_CLOCK_SHIFT_FILE names, read at each look, so that a test can turn it while the daemon runs. The monotonic clock stays.
import { readFileSync } from 'node:fs';

const file = process.env['MEMA_CLOCK_SHIFT_FILE'] ?? '';
const trueNow = Date.now.bind(Date);
Date.now = () => trueNow() + Number(readFileSync(file, 'utf8'));
