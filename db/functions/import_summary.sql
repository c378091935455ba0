-- How the end of an import compares: what HubSpot listed, and what is here.
create or replace function hubspot_sync.import_summary()
  returns table (
    table_name text,
    read integer,
    applied integer,
    refused integer,
    here bigint,
    unlinked bigint,
    seats_wrong bigint
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select c.name, (s.state ->> 'read')::integer, (s.state ->> 'applied')::integer,
           (s.state ->> 'refused')::integer, c.here, c.unlinked, c.seats_wrong
      from (select 'hubspot_mock_exams' as name, count(*) as here, null::bigint as unlinked,
                   count(*) filter (where t.taken is distinct from coalesce(b.taken, 0))
                     as seats_wrong
              from hubspot_sync.hubspot_mock_exams e
              left join hubspot_sync.exam_seats t on t.exam = e.id
              left join (select k.exam, count(*) as taken
                           from hubspot_sync.hubspot_bookings k
                          where k.is_active in ('Active', 'Completed')
                          group by k.exam) b on b.exam = e.id
             where e.deleted_at is null
            union all
            select 'hubspot_contact_credits', count(*), null, null
              from hubspot_sync.hubspot_contact_credits k
             where k.hubspot_id is not null and k.deleted_at is null
            union all
            select 'hubspot_bookings', count(*),
                   count(*) filter (where k.exam is null or k.contact is null), null
              from hubspot_sync.hubspot_bookings k
             where k.hubspot_id is not null and k.deleted_at is null) c
      left join hubspot_sync.sync_status s on s.task = 'import ' || c.name
     order by c.name desc;
end;
$$;

comment on function hubspot_sync.import_summary() is
  'A row a table: records that the last import read from HubSpot, applied and refused; here: those '
  'of HubSpot''s that are here now; unlinked: bookings whose exam or contact is not; seats_wrong: '
  'exams whose counter does not tell their bookings.';
revoke execute on function hubspot_sync.import_summary() from public, anon, authenticated;
grant execute on function hubspot_sync.import_summary() to service_role;
