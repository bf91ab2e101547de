local function remember()
  ngx.ctx.fiddler_attributes = {
    @VALUES@,
  }
end
