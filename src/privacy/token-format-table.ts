// The forms of keys and tokens that say what they are. A pattern matches the whole secret, or names it `secret`.

export interface TokenFormat {
  kind: string;
  pattern: RegExp;
}

const format = (kind: string, pattern: RegExp): TokenFormat => ({ kind, pattern });

export const TOKEN_FORMATS: readonly TokenFormat[] = [
  format('mem-agent-key', /mema_(?:client|admin)_[0-9A-Za-z]{20,}/),
  format('anthropic-key', /sk-ant-[A-Za-z0-9_-]{16,}/),
  format('openrouter-key', /sk-or-[A-Za-z0-9-]{16,}/),
  format('openai-key', /sk-(?:proj|svcacct|admin|service)-[A-Za-z0-9_-]{16,}|(?<![A-Za-z0-9])sk-[A-Za-z0-9]{20,}/),
  format('github-token', /gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}/),
  format('gitlab-token', /gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|oas|imt)-[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_.-]+)?/),
  format('slack-token', /xox(?:[abcdoprs]|e(?:\.xox[bp])?)-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}/),
  format('slack-webhook', /hooks\.slack\.com\/(?:services|workflows)\/(?<secret>[A-Za-z0-9/]{20,})/),
  format('aws-key-id', /(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}/),
  format('google-key', /AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20,}/),
  format('google-token', /ya29\.[A-Za-z0-9_-]{20,}|1\/\/0[A-Za-z0-9_-]{20,}/),
  format('stripe-key', /(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{20,}/),
  format('npm-token', /npm_[A-Za-z0-9]{36}/),
  format('pypi-token', /pypi-Ag[A-Za-z0-9_-]{20,}/),
  format('jwt', /eyJ[A-Za-z0-9_-]{8,600}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,3}/),
  format('hugging-face-token', /hf_[A-Za-z0-9]{30,}/),
  format('groq-key', /gsk_[A-Za-z0-9]{40,}/),
  format('xai-key', /xai-[A-Za-z0-9]{40,}/),
  format('replicate-token', /r8_[A-Za-z0-9]{30,}/),
  format('perplexity-key', /pplx-[A-Za-z0-9]{30,}/),
  format('twilio-key', /(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])/),
  format('sendgrid-key', /SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}/),
  format('mailgun-key', /(?<![A-Za-z0-9])key-[0-9a-f]{32}/),
  format('telegram-token', /(?<!\d)\d{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/),
  format('discord-token', /[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}/),
  format('digitalocean-token', /do[opr]_v1_[a-f0-9]{64}/),
  format('databricks-token', /dapi[a-f0-9]{32}/),
  format('vault-token', /hv[sbr]\.[A-Za-z0-9_-]{20,}/),
  format('shopify-token', /shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}/),
  format('atlassian-token', /ATATT[A-Za-z0-9_=-]{30,}/),
  format('linear-key', /lin_(?:api|oauth)_[A-Za-z0-9]{30,}/),
  format('notion-token', /(?:ntn_|secret_)[A-Za-z0-9]{40,}/),
  format('supabase-key', /sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,}/),
  format('tailscale-key', /tskey-[a-z]+-[A-Za-z0-9-]{16,}/),
  format('age-key', /AGE-SECRET-KEY-1[0-9A-Z]{58}/i),
  format('azure-sas', /[?&]sig=(?<secret>[A-Za-z0-9%+/=_-]{20,})/),
  format('bearer-token', /\b(?:Bearer|Basic)[ \t]+(?=[^\s"'\\,;]*[\d._=+/-])(?<secret>[^\s"'\\,;)]{8,})/i),
  format('url-password', /[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"'`<>]{0,100}:(?<secret>[^\s/"'`<>]{1,200})@(?=[\w[])/i),
];
