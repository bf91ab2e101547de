local function remember()
  local id = @IDS@
  if id then
    ngx.ctx.fiddler_conversation_id = id
  end
end
