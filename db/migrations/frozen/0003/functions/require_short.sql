-- Stops texts no column of ours, no index and no property of HubSpot is made for.
create or replace function hubspot_sync.require_short(variadic p_texts text[])
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from unnest(p_texts) t (value) where length(t.value) > 500) then
    raise exception 'an argument is longer than 500 characters'
      using errcode = '22023', hint = 'Send at most 500 characters in each argument.';
  end if;
end;
$$;

comment on function hubspot_sync.require_short(text[]) is
  'Raises 22023 when one of the texts is longer than 500 characters.';
revoke execute on function hubspot_sync.require_short(text[]) from public, anon, authenticated;
