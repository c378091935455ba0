-- Notes how far a group of consumers has come. It never goes back: a late note changes nothing.
create or replace function hubspot_sync.note_position(p_group text, p_position bigint)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_position bigint;
begin
  if p_position is null
     or p_position > (select s.last_position from hubspot_sync.event_status() s) then
    raise exception 'position % is not in the log', coalesce(p_position::text, '(missing)')
      using errcode = '22023', hint = 'Give the sequence_number of an event that was read.';
  end if;
  update hubspot_sync.event_groups g
     set position = greatest(g.position, p_position), updated_at = hubspot_sync.clock()
   where g.group_name = p_group
  returning g.position into v_position;
  if not found then
    raise exception 'there is no group %', left(coalesce(p_group, '(missing)'), 100)
      using errcode = '22023', hint = 'Open it first: hubspot_sync.open_group.';
  end if;
  return v_position;
end;
$$;

comment on function hubspot_sync.note_position(text, bigint) is
  'Notes that a group has done with all events up to a position; answers where it stands. '
  'Raises 22023.';
revoke execute on function hubspot_sync.note_position(text, bigint)
  from public, anon, authenticated;
grant execute on function hubspot_sync.note_position(text, bigint) to service_role;
