begin;
select plan(47);

insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email, created_at)
values
  ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'Ann@Example.com', '2030-01-01'),
  ('00000000-0000-4000-8000-000000000002', 'C-2', 'S-2', 'bob@example.com', '2030-01-01'),
  ('00000000-0000-4000-8000-000000000003', 'C-3', 'S-1', 'other@example.com', '2030-01-01'),
  -- One email, two students; and one student in two spellings, as old data may have it.
  ('00000000-0000-4000-8000-000000000004', 'C-4', 'S-4', 'two@example.com', '2030-01-02'),
  ('00000000-0000-4000-8000-000000000005', 'C-5', 'S-5', 'two@example.com', '2030-01-01'),
  ('00000000-0000-4000-8000-000000000006', 'C-6', 'S-6', 'six@example.com', '2030-01-02'),
  ('00000000-0000-4000-8000-000000000007', 'C-7', 'S-6', 'Six@Example.com', '2030-01-01');
create function pg_temp.found(p_student_id text, p_email text, p_id text, p_hubspot_id text)
  returns text language sql as $$
  select (hubspot_sync.find_contact(p_student_id, p_email, p_id::uuid, p_hubspot_id)).hubspot_id
$$;
create function pg_temp.log_in(p_email text) returns text language sql as $$
  select set_config('request.jwt.claims', jsonb_build_object('email', p_email)::text, true)
$$;
create function pg_temp.words(p_call text) returns text language plpgsql as $$
declare
  v_message text;
  v_detail text;
  v_hint text;
begin
  execute p_call;
  return 'nothing was raised';
exception when others then
  get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail,
                          v_hint = pg_exception_hint;
  return concat_ws(' | ', sqlstate, v_message, v_detail, v_hint);
end
$$;

-- Administrators and the application ---------------------------------------------------------
select is(pg_temp.found(f.student_id, f.email, f.id, f.hubspot_id), f.hubspot, f.fact)
  from (values
    ('S-1', 'ann@example.com', null, null, 'C-1', 'a contact is found by student id and email'),
    (' S-1 ', '  ANN@EXAMPLE.COM ', null, '  ', 'C-1', 'case and blanks do not matter'),
    ('S-1', 'other@example.com', null, null, 'C-3', 'the email tells one student from another'),
    (null, null, '00000000-0000-4000-8000-000000000002', null, 'C-2', 'by id'),
    (null, null, null, ' C-2 ', 'C-2', 'by HubSpot id'),
    ('S-1', 'ann@example.com', '00000000-0000-4000-8000-000000000002', 'C-3', 'C-2',
     'the id comes first'),
    ('S-1', 'ann@example.com', null, 'C-3', 'C-3', 'the HubSpot id second'),
    ('S-6', 'six@example.com', null, null, 'C-7', 'of two spellings the older contact is meant')
  ) as f (student_id, email, id, hubspot_id, hubspot, fact);
select throws_ok(
  format('select hubspot_sync.find_contact(%L, %L, %L, %L)', r.student_id, r.email, r.id,
         r.hubspot_id), r.code, null, r.fact)
  from (values
    (null, null, null, null, '22023', 'nobody is asked for'),
    ('S-1', null, null, null, '22023', 'a lone student id is refused'),
    (null, 'ann@example.com', null, null, '22023', 'a lone email is refused'),
    ('', '', null, '', '22023', 'empty texts ask for nobody'),
    ('  ', 'ann@example.com', null, ' ', '22023', 'blanks ask for nobody'),
    ('s-1', 'ann@example.com', null, null, 'MBCON', 'student ids differ by case'),
    ('S-2', 'ann@example.com', null, null, 'MBCON', 'ids of two contacts find none'),
    ('S-1', 'ann@example.com', '00000000-0000-4000-8000-0000000000ff', 'C-1', 'MBCON',
     'an unknown id is not mended by the rest'),
    ('S-1', 'ann@example.com', null, 'c-1', 'MBCON', 'nor an unknown HubSpot id'),
    (''' or true --', ''' or true --', null, null, 'MBCON', 'what is text stays text'),
    ('%', '%', null, null, 'MBCON', 'a pattern is a text'),
    ('\', '$$', null, null, 'MBCON', 'so are backslashes and dollars')
  ) as r (student_id, email, id, hubspot_id, code, fact);
select alike(
  pg_temp.words($$select pg_temp.found('S-9', 'nobody@example.com', null, null)$$),
  '%S-9%', 'who is not found is named by the student id');
select unalike(
  pg_temp.words($$select pg_temp.found('S-9', 'nobody@example.com', null, null)$$),
  '%nobody@%', 'and not by the email');

-- A student. The owner of the functions stays in the role; the claims alone would not count. ----
grant usage on schema hubspot_sync to authenticated;
grant execute on all functions in schema hubspot_sync to authenticated;
create function pg_temp.seen(p_student_id text, p_email text, p_id text, p_hubspot_id text)
  returns text language sql security definer as $$
  select pg_temp.found(p_student_id, p_email, p_id, p_hubspot_id)
$$;
set local role authenticated;
select pg_temp.log_in('ANN@example.com');
select is(pg_temp.seen(f.student_id, f.email, f.id, f.hubspot_id), 'C-1', f.fact)
  from (values
    (null, null, null, null, 'a student who names nobody means themselves'),
    ('', ' ', null, '', 'blanks name nobody'),
    ('S-1', null, null, null, 'a student''s email is that of the login'),
    ('S-1', 'Ann@example.com', null, null, 'it may be given, too'),
    (null, ' Ann@example.com', null, null, 'also alone'),
    (null, null, '00000000-0000-4000-8000-000000000001', null, 'or the id'),
    (null, null, null, 'C-1', 'or the HubSpot id')
  ) as f (student_id, email, id, hubspot_id, fact);
select throws_ok(
  format('select pg_temp.seen(%L, %L, %L, %L)', r.student_id, r.email, r.id, r.hubspot_id),
  'MBCON', null, r.fact)
  from (values
    ('S-2', 'bob@example.com', null, null, 'another is not there by student id and email'),
    ('S-2', null, null, null, 'nor by student id'),
    (null, 'bob@example.com', null, null, 'nor by email'),
    ('S-1', 'other@example.com', null, null, 'nor with one''s own student id'),
    (null, null, '00000000-0000-4000-8000-000000000002', null, 'nor by id'),
    (null, null, null, 'C-2', 'nor by HubSpot id'),
    ('S-1', 'ann@example.com', '00000000-0000-4000-8000-000000000002', null,
     'one''s own name does not open another''s id')
  ) as r (student_id, email, id, hubspot_id, fact);
select is(
  replace(pg_temp.words(format('select pg_temp.seen(%L, %L, %L, %L)', r.student_id, r.email, r.id,
                               r.hubspot_id)), r.word, '?'),
  replace(pg_temp.words(format('select pg_temp.seen(%L, %L, %L, %L)',
                               replace(r.student_id, r.word, r.other), r.email,
                               replace(r.id, r.word, r.other),
                               replace(r.hubspot_id, r.word, r.other))), r.other, '?'),
  format('another''s %s and nobody''s are refused in the same words', r.kind))
  from (values
    ('S-2', 'bob@example.com', null, null, 'S-2', 'S-99', 'student id'),
    ('S-2', null, null, null, 'S-2', 'S-99', 'lone student id'),
    (null, null, '00000000-0000-4000-8000-000000000002', null, '000000000002', '0000000000ff',
     'id'),
    (null, null, null, 'C-2', 'C-2', 'C-99', 'HubSpot id')
  ) as r (student_id, email, id, hubspot_id, word, other, kind);

select pg_temp.log_in('two@example.com');
select throws_ok('select pg_temp.seen(null, null, null, null)', '22023', null,
                 'an email of several students needs the student id');
select is(pg_temp.seen('S-5', null, null, null), 'C-5', 'with it each is found');
select is(pg_temp.seen('S-4', null, null, null), 'C-4', 'and the other');
select pg_temp.log_in('six@example.com');
select is(pg_temp.seen('S-6', null, null, null), 'C-7',
          'a student in two spellings is the older contact');
select pg_temp.log_in('stranger@example.com');
select throws_ok('select pg_temp.seen(null, null, null, null)', 'MBCON', null,
                 'a login without a contact finds none');
select pg_temp.log_in('%');
select throws_ok('select pg_temp.seen(null, null, null, null)', 'MBCON', null,
                 'a pattern in the claims is a text');
select pg_temp.log_in('');
select throws_ok('select pg_temp.seen(null, null, null, null)', '42501', null,
                 'a login without an email may look for nobody');
reset role;

select * from finish();
rollback;
