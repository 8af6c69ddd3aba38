// One fixed id for each kind of event that somebody watches for, in the field `messageId`, as systemd's MESSAGE_ID is:
// `journalctl -u mem-agent -g ID` finds it whatever the words around it are. An id, once released, keeps its meaning.

export const MESSAGE_ID = {
  workerCrash: 'c218cd7b13e644a38dde43f32b2e082d',
  crashLoop: '1066e0067b16435f88415e46d050c032',
  fallbackUsed: 'b1857ff07e664a7aa57fde4c17cbda97',
  authFail: '22cedb37cacb46bf9924151b5bc05352',
  auditCheckpoint: 'b7d2f0a94c3e4f5f9d6a1e8c20753b1d',
  chainBroken: '69a3b1f6fae64e2ead76427cecaf60d1',
} as const;
