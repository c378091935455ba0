begin;
select plan(9);

insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'Ann@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-1', 'BK-1', 'E-1', 'C-1', 'S-1', 'Ann@example.com', 'Cancelled'),
       ('B-2', 'BK-2', 'E-2', null, 'S-2', 'bob@example.com', null);

-- A refusal has its code, names what it is about, in few words, and says what to do next.
create function pg_temp.refusal(p_call text, out code text, out message text, out hint text)
  language plpgsql as $$
begin
  execute p_call;
  code := 'nothing was raised';
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text,
                          hint = pg_exception_hint;
end
$$;
create function pg_temp.refused(p_call text, p_code text, p_named text, p_fact text)
  returns text language sql as $$
  select is(concat_ws('; ', r.code,
                      case when strpos(r.message, p_named) = 0
                        then format('%s is not named: %s', p_named, left(r.message, 200)) end,
                      case when r.message is not null and r.hint is null then 'no hint' end,
                      case when length(r.message) > 1000
                        then format('a message of %s characters', length(r.message)) end),
            p_code, p_fact)
    from pg_temp.refusal(p_call) r
$$;
create function pg_temp.owner_of(p_booking_id text) returns text language sql as
  'select (hubspot_sync.lock_booking(p_booking_id)).student_id';

select is(pg_temp.owner_of(' BK-1 '), 'S-1', 'a booking is found, blanks around do not matter');
select is(pg_temp.owner_of('BK-2'), 'S-2',
          'a booking without a contact or a state is found, too');
select results_eq(
  $$select l.relation::regclass::text from pg_locks l
     where l.pid = pg_backend_pid() and l.mode = 'RowShareLock'
       and l.relation in ('hubspot_sync.hubspot_contact_credits'::regclass,
                          'hubspot_sync.hubspot_bookings'::regclass) order by 1$$,
  $$values ('hubspot_sync.hubspot_bookings'), ('hubspot_sync.hubspot_contact_credits')$$,
  'the rows of contacts and bookings are locked');
select pg_temp.refused('select hubspot_sync.lock_booking(' || r.id || ')', r.code, r.named, r.fact)
  from (values
    ('null', '22023', 'p_booking_id', 'no id is refused'),
    ($$''$$, '22023', 'p_booking_id', 'an empty one'),
    ($$'  '$$, '22023', 'p_booking_id', 'a blank one'),
    ($$'bk-1'$$, 'MBNOF', 'bk-1', 'ids differ by case'),
    ($$'%s %%'$$, 'MBNOF', '%s %%', 'an id with format signs is named as it is'),
    ($$'BK-1''; --'$$, 'MBNOF', $$BK-1'; --$$, 'SQL in an id is no SQL')
  ) as r (id, code, named, fact);

select * from finish();
rollback;
