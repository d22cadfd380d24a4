// Names that have broken pages elsewhere.
export const names = {
  'a hundred characters without a space': 'W'.repeat(100),
  'markup that runs': '<img src=x onerror=alert(1)>',
  'the end of a script': `</script><script>alert(1)</script>"'><svg onload=alert(1)>`,
  'right to left': 'مفتاح الخادم الرئيسي للمزامنة',
  'an override of the direction': '\u202Egnp.key\u202C\u2066abc',
  emoji: '🦄🚀 👩‍👩‍👧‍👦 launch 🏳️‍🌈',
  'a tower of marks': 'Z̴̡̛͇͖̥̙̫͕̞̟͈̐͑͌̈́̀͂͆̏̚͝a̷̡̛̪͎̱͕̗͖̳̐̿̓̈́̍l̸̨̛̰̹̪̪̏̀͊g̵̢̗̟̽o̸͎͛',
  'SQL and templates': `'; DROP TABLE api_keys;-- {{7*7}} \${7*7} %s`,
}
