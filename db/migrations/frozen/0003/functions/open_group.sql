-- Makes a group of consumers known, at the log's end or its beginning. One that is known stays
-- where it is.
create or replace function hubspot_sync.open_group(
  p_group text,
  p_from_start boolean default false
)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(trim(p_group), '') = '' or length(p_group) > 100 then
    raise exception 'a group needs a name of at most 100 characters'
      using errcode = '22023', hint = 'Give one a task, for example «mailer».';
  end if;
  insert into hubspot_sync.event_groups (group_name, position)
  select p_group, case when p_from_start then 0 else s.last_position end
    from hubspot_sync.event_status() s
      on conflict (group_name) do nothing;
  return (select g.position from hubspot_sync.event_groups g where g.group_name = p_group);
end;
$$;

comment on function hubspot_sync.open_group(text, boolean) is
  'The position of a group of consumers; a new one begins after the newest event, or with '
  'p_from_start before the first. Raises 22023.';
revoke execute on function hubspot_sync.open_group(text, boolean)
  from public, anon, authenticated;
grant execute on function hubspot_sync.open_group(text, boolean) to service_role;
