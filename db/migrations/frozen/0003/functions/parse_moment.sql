-- A moment as HubSpot writes it: ISO 8601 with a zone, or milliseconds of Unix time.
create or replace function hubspot_sync.parse_moment(p_value text, p_name text)
  returns timestamptz
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(trim(p_value), '') = '' then
    return null;
  end if;
  begin
    if trim(p_value) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:?[0-9]{2})$' then
      return trim(p_value)::timestamptz;
    elsif trim(p_value) ~ '^[0-9]{9,15}$' then
      return to_timestamp(trim(p_value)::bigint / 1000.0);
    end if;
  exception
    when datetime_field_overflow or invalid_datetime_format
         or invalid_time_zone_displacement_value then
      null;  -- no such moment: refused below
  end;
  raise exception '% is no moment: %', p_name, left(p_value, 100)
    using errcode = '22023', hint = 'Correct it in HubSpot: 2026-08-21T10:00:00Z.';
end;
$$;

comment on function hubspot_sync.parse_moment(text, text) is
  'The moment of a HubSpot property, null for none. Raises 22023 naming p_name for anything else.';
revoke execute on function hubspot_sync.parse_moment(text, text) from public, anon, authenticated;
