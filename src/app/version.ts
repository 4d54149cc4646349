/** Of this build; a test compares it with package.json. A constant, because every bridge says it and none should read a file for it. */
export const VERSION = '0.1.0';
