// Names that are likely to break pages.
export const names = {
  'a hundred characters without a space': 'W'.repeat(100),
  'markup that runs a script': '<img src=x onerror=alert(1)>',
  'the end of a script element': `</script><script>alert(1)</script>"'><svg onload=alert(1)>`,
  'right to left': 'مفتاح الخادم الرئيسي للمزامنة',
  'a direction override': '\u202Egnp.key\u202C\u2066abc',
  emoji: '🦄🚀 👩‍👩‍👧‍👦 launch 🏳️‍🌈',
  'stacked combining marks': 'Z̴̡̛͇͖̥̙̫͕̞̟͈̐͑͌̈́̀͂͆̏̚͝a̷̡̛̪͎̱͕̗͖̳̐̿̓̈́̍l̸̨̛̰̹̪̪̏̀͊g̵̢̗̟̽o̸͎͛',
  'SQL and template syntax': `'; DROP TABLE api_keys;-- {{7*7}} \${7*7} %s`,
}
