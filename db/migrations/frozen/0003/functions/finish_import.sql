-- Gives every exam the figure of its bookings, as its seats have it.
--
-- An exam comes before its bookings, and its figure is ours: what HubSpot has of it is not taken.
-- Whoever takes bookings must not wait for exams, so this is a call of its own.
create or replace function hubspot_sync.finish_import()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_counted integer;
begin
  perform set_config('hubspot_sync.source', 'hubspot', true);
  update hubspot_sync.hubspot_mock_exams e
     set total_bookings = l.taken, updated_at = hubspot_sync.clock()
    from (select o.id, s.taken
            from hubspot_sync.hubspot_mock_exams o
            join hubspot_sync.exam_seats s on s.exam = o.id
           where o.total_bookings is distinct from s.taken
             and o.deleted_at is null
           order by o.id
             for no key update of o) l
   where e.id = l.id;
  get diagnostics v_counted = row_count;
  perform set_config('hubspot_sync.source', '', true);
  return v_counted;
end;
$$;

comment on function hubspot_sync.finish_import() is
  'Sets total_bookings of every exam to the seats taken, and answers how many it changed; what '
  'HubSpot has otherwise is queued.';
revoke execute on function hubspot_sync.finish_import() from public, anon, authenticated;
grant execute on function hubspot_sync.finish_import() to service_role;
