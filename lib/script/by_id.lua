-- What scripts share that name reservations by their ids: cancel and refund. It is put in front of them by the build.
--
-- ARGV   2: the reservation ids, c16 each
--        3 ...: the users, one for each id
-- reply  for each id: status B, flags B; then the records of those whose flags say so

-- A reservation in one of the states of `over` is answered so; any other is decided by decide(user, at, record).
local function decide_each(over, decide)
  load_users(ARGV, 3, #ARGV)
  for i = 3, #ARGV do
    local user, id = ARGV[i], string.sub(ARGV[2], (i - 3) * 16 + 1, (i - 2) * 16)
    settle(user)
    local text = records[user]
    local at = find(text, id)
    local record = at and get(text, at)
    if not at then
      answer('no_reservation', 0)
    elseif record.state == REFUSED then
      answer(never_granted(record), REPLAYED, string.sub(text, at, at + RECORD_SIZE - 1))
    elseif over[record.state] then
      answer(over[record.state], REPLAYED, string.sub(text, at, at + RECORD_SIZE - 1))
    else
      decide(user, at, record)
    end
  end
end
