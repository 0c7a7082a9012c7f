#!lua
-- Adds an item to its activity's list.
--
-- KEYS   1: the items of the activity
-- ARGV   1: the item; 2: how many there may be
-- reply  ''
if not redis.acl_check_cmd('SADD', KEYS[1], 'm') then return redis.error_reply('NOPERM the ACL forbids SADD (' .. KEYS[1] .. ')') end
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return '' end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return redis.error_reply('FULL the activity has ' .. ARGV[2] .. ' items')
end
redis.call('SADD', KEYS[1], ARGV[1])
return ''
