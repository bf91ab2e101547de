-- Remembers the conversation id the client sent. Ids are at most @MAX_LENGTH@ printable ASCII characters; anything else is
-- ignored: a single span with invalid UTF-8 makes a whole export batch unreadable.
pcall(function()
  local id = kong.request.get_header("@SESSION_HEADER@")
  if type(id) ~= "string" or #id > @MAX_LENGTH@ then
    return
  end
  if string.find(id, "[!-~]") and not string.find(id, "[^ -~]") then
    ngx.ctx.fiddler_conversation_id = id
  end
end)
