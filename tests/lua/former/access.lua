-- Remembers the conversation id the client sent. Ids are at most 256 printable ASCII characters; anything else is
-- ignored: a single span with invalid UTF-8 makes a whole export batch unreadable.
pcall(function()
  local id = kong.request.get_header("X-Fiddler-Conversation-Id")
  if type(id) ~= "string" or #id > 256 then
    return
  end
  if string.find(id, "[!-~]") and not string.find(id, "[^ -~]") then
    ngx.ctx.fiddler_conversation_id = id
  end
end)
