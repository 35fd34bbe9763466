// The clock of the application is ahead by the minutes in a file.
import { readFileSync } from 'node:fs';

const now = Date.now.bind(Date);
Date.now = () => now() + 60_000 * Number(readFileSync(process.env.CLOCK, 'utf8'));
